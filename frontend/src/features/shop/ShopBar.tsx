import { useQuery } from "@tanstack/react-query";
import { type SyntheticEvent, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { categoriesQuery } from "~/api/queries";
import type { Category, RecommendedItem } from "~/api/types";
import { WhoPicker } from "~/app/WhoPicker";
import { Button, Chip } from "~/ui/Button";
import { TextField } from "~/ui/Field";
import { Icon } from "~/ui/Icon";
import { Skeleton } from "~/ui/States";

import { Failed } from "./Failed";
import css from "./shop.module.css";

interface ShopBarProps {
  userId: string;
  actionCount: number;
  category: string | undefined;
  query: string;
  recommended: readonly RecommendedItem[] | null;
  /** Acts since the page opened. */
  acts: number;
  onSearch: (text: string) => void;
  onCategory: (category: string | undefined) => void;
}

export function ShopBar({ userId, actionCount, category, query, recommended, acts, onSearch, onCategory }: ShopBarProps) {
  const { t } = useTranslation();
  const categories = useQuery(categoriesQuery);
  const chips = useRef<HTMLDivElement>(null);
  const loaded = categories.isSuccess;

  // The chosen category may lie outside of what the strip shows.
  useEffect(() => {
    const strip = chips.current;
    const chosen = strip?.querySelector<HTMLElement>("[aria-pressed=true]");
    if (strip && chosen) strip.scrollTo({ left: chosen.offsetLeft - strip.clientWidth / 2 + chosen.clientWidth / 2, behavior: "smooth" });
  }, [category, loaded]);

  return (
    <div>
      <div className={css.bar}>
        <SearchForm key={query} query={query} onSearch={onSearch} />
        <div className={css.who}><WhoPicker userId={userId} actionCount={actionCount} /></div>
      </div>
      <div ref={chips} className={css.chips} role="group" aria-label={t("common.category")} aria-busy={categories.isPending}>
        <Chip pressed={!category} onPress={() => onCategory(undefined)}>{t("common.all")}</Chip>
        {categories.data?.items.map((one) => (
          <Chip key={one.category} pressed={category === one.category} count={one.count} onPress={() => onCategory(category === one.category ? undefined : one.category)}>{one.category}</Chip>
        )) ?? (categories.error ? <Failed text={t("shop.categoriesFailed")} onRetry={() => void categories.refetch()} /> : Array.from({ length: 8 }, (_, at) => <Skeleton key={at} width={96} height={30} radius={15} />))}
      </div>
      {actionCount + acts < 4 && categories.data && recommended && (
        <Hint categories={categories.data.items} recommended={recommended} category={category} acts={acts} onCategory={onCategory} />
      )}
    </div>
  );
}

function SearchForm({ query, onSearch }: { query: string; onSearch: (text: string) => void }) {
  const { t } = useTranslation();
  const [text, setText] = useState(query);
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    onSearch(text.trim());
  };
  return (
    <form className={css.search} role="search" onSubmit={submit}>
      <TextField
        type="search"
        icon="search"
        label={t("shop.search")}
        hideLabel
        placeholder={t("shop.searchPlaceholder")}
        value={text}
        data-search
        enterKeyHint="search"
        onChange={(event) => {
          setText(event.target.value);
          if (event.target.value === "" && query) onSearch("");
        }}
      />
    </form>
  );
}

interface HintProps {
  categories: readonly Category[];
  recommended: readonly RecommendedItem[];
  category: string | undefined;
  acts: number;
  onCategory: (category: string) => void;
}

/** Names something to click whose effect will be plain to see: a category that "For you" does not show yet. */
function Hint({ categories, recommended, category, acts, onCategory }: HintProps) {
  const { t } = useTranslation();
  const [first] = useState(() => {
    const shown = new Set(recommended.map((item) => item.category));
    const full = categories.filter((one) => one.count >= 6);
    return (full.find((one) => !shown.has(one.category)) ?? full[0] ?? categories[0])?.category;
  });
  if (!first) return null;
  return (
    <div className={css.hint} role="note">
      <Icon name="spark" />
      <p className={css.hintText}>
        {acts >= 3 ? t("shop.hintDone") : <><strong>{t("shop.hintTitle")}</strong> {t("shop.hint", { category: category ?? first })}</>}
      </p>
      {!category && acts < 3 && <Button small onClick={() => onCategory(first)}>{t("shop.hintGo", { category: first })}</Button>}
    </div>
  );
}
