import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { useTranslation } from "react-i18next";

import { recommendationsQuery, searchQuery } from "~/api/queries";
import type { RecommendationsSearch } from "~/app/search";
import { useShopper } from "~/app/shopper";
import { Icon } from "~/ui/Icon";
import { StateNote } from "~/ui/States";

import { ItemPanel } from "./ItemPanel";
import css from "./rec.module.css";
import { LIMIT_DEFAULT, RecForm } from "./RecForm";
import { RecList } from "./RecList";

const route = getRouteApi("/recommendations");

/** What a shopper, or a query, is shown, with the reasons and the arithmetic. The address keeps it all. */
export function RecommendationsPage() {
  const { t } = useTranslation();
  const me = useShopper();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const onChange = useCallback((change: Partial<RecommendationsSearch>) => void navigate({ search: (before) => ({ ...before, ...change }), replace: true, resetScroll: false }), [navigate]);

  const filters = { category: search.category, minPrice: search.min, maxPrice: search.max, currency: search.currency, inStock: search.stock, limit: search.limit ?? LIMIT_DEFAULT };
  const byQuery = search.by === "query";
  const user = search.user ?? me;
  const other = search.vs === undefined || search.vs === "?" ? "" : search.vs;
  const first = useQuery({ ...recommendationsQuery({ ...filters, userId: user }), enabled: !byQuery });
  const second = useQuery({ ...recommendationsQuery({ ...filters, userId: other }), enabled: !byQuery && other !== "" });
  const found = useQuery({ ...searchQuery({ ...filters, q: search.q ?? "", explain: true }), enabled: byQuery && search.q !== undefined });

  const firstItems = (byQuery ? found.data?.items : first.data?.items) ?? [];
  const secondItems = second.data?.items ?? [];
  const shared = useMemo(() => {
    const theirs = new Set(second.data?.items.map((item) => item.productId));
    return new Set(first.data?.items.map((item) => item.productId).filter((id) => theirs.has(id)));
  }, [first.data, second.data]);
  const open = search.item === undefined ? undefined : [...firstItems, ...secondItems].find((item) => item.productId === search.item);
  const listProps = { selected: search.item, onOpen: (item: string) => onChange({ item }), filters };

  return (
    <div className={css.page}>
      <h1 className="sr-only">{t("rec.title")}</h1>
      <RecForm search={search} onChange={onChange} />
      {byQuery && search.q === undefined ? (
        <StateNote icon="search" title={t("rec.emptyQuery")} text={t("rec.emptyQueryHint")} />
      ) : byQuery ? (
        <RecList {...listProps} of={{ query: search.q ?? "" }} result={found} compact={false} />
      ) : search.vs === undefined ? (
        <RecList {...listProps} of={{ userId: user }} result={first} compact={false} />
      ) : (
        <>
          {other && first.data && second.data && (
            <p className={css.common} role="status">
              <Icon name="swap" /> {t("rec.overlap", { n: shared.size, total: Math.max(firstItems.length, secondItems.length) })}
            </p>
          )}
          <div className={css.lists}>
            <RecList {...listProps} of={{ userId: user }} result={first} shared={shared} compact />
            {other ? <RecList {...listProps} of={{ userId: other }} result={second} shared={shared} compact /> : <StateNote icon="user" title={t("rec.pickCompare")} />}
          </div>
        </>
      )}
      {open && <ItemPanel key={open.productId} item={open} onClose={() => onChange({ item: undefined })} />}
    </div>
  );
}
