import { useQuery } from "@tanstack/react-query";
import { useEffect, useId, useState } from "react";
import { useTranslation } from "react-i18next";

import { categoriesQuery, usersQuery } from "~/api/queries";
import type { RecommendationsSearch } from "~/app/search";
import { useShopper } from "~/app/shopper";
import { Button } from "~/ui/Button";
import { Segmented, SelectField, Switch, TextField } from "~/ui/Field";

import css from "./rec.module.css";

interface RecFormProps {
  search: RecommendationsSearch;
  onChange: (change: Partial<RecommendationsSearch>) => void;
}

const LIMITS = [5, 10, 20, 50] as const;
export const LIMIT_DEFAULT = 20;

export function RecForm({ search, onChange }: RecFormProps) {
  const { t } = useTranslation();
  const me = useShopper();
  const categories = useQuery(categoriesQuery);
  const byQuery = search.by === "query";
  return (
    <div className={css.form} role="search">
      <Segmented label={t("rec.by")} value={byQuery ? "query" : "user"} options={[{ value: "user", label: t("rec.byUser") }, { value: "query", label: t("rec.byQuery") }]} onChange={(by) => onChange({ by: by === "query" ? "query" : undefined, vs: undefined, item: undefined })} />
      {byQuery ? (
        <Typed className={css.query} label={t("rec.query")} icon="search" placeholder={t("rec.queryPlaceholder")} value={search.q ?? ""} onCommit={(q) => onChange({ q: q || undefined, item: undefined })} data-search />
      ) : (
        <UserField label={t("rec.user")} value={search.user ?? me} onCommit={(user) => onChange({ user: user || undefined, item: undefined })} main />
      )}
      {!byQuery && search.vs !== undefined && <UserField label={t("rec.compare")} value={search.vs === "?" ? "" : search.vs} onCommit={(vs) => onChange({ vs: vs || "?" })} />}
      <SelectField className={css.category} label={t("common.category")} value={search.category ?? ""} onChange={(event) => onChange({ category: event.target.value || undefined })}>
        <option value="">{t("common.any")}</option>
        {categories.data?.items.map((one) => <option key={one.category} value={one.category}>{one.category}</option>)}
      </SelectField>
      <Typed className={css.amount} label={t("rec.min")} inputMode="decimal" value={search.min ?? ""} onCommit={(min) => onChange({ min: min || undefined })} />
      <Typed className={css.amount} label={t("rec.max")} inputMode="decimal" value={search.max ?? ""} onCommit={(max) => onChange({ max: max || undefined })} />
      <Typed className={css.amount} label={t("rec.currency")} placeholder={t("rec.currencyShop")} maxLength={3} autoCapitalize="characters" autoComplete="off" spellCheck={false} value={search.currency ?? ""} onCommit={(currency) => onChange({ currency: currency || undefined })} />
      <SelectField label={t("rec.limit")} value={search.limit ?? LIMIT_DEFAULT} onChange={(event) => onChange({ limit: Number(event.target.value) })}>
        {LIMITS.map((limit) => <option key={limit} value={limit}>{limit}</option>)}
      </SelectField>
      <div className={css.stock}><Switch label={t("common.inStock")} checked={search.stock === true} onChange={(stock) => onChange({ stock: stock || undefined })} /></div>
      {!byQuery && (
        <Button className={css.end} icon={search.vs === undefined ? "swap" : "x"} onClick={() => onChange({ vs: search.vs === undefined ? "?" : undefined, item: undefined })}>
          {search.vs === undefined ? t("rec.compareStart") : t("rec.compareOff")}
        </Button>
      )}
    </div>
  );
}

const TYPING_MS = 250;

interface TypedProps extends Omit<React.ComponentProps<typeof TextField>, "value" | "onChange"> {
  value: string;
  onCommit: (value: string) => void;
}

/** A field that speaks up when the typing pauses. */
function Typed({ value, onCommit, ...rest }: TypedProps) {
  const [typed, setTyped] = useState<{ text: string; of: string } | null>(null);
  // What is typed counts until the address says something else.
  const text = typed?.of === value ? typed.text : value;
  useEffect(() => {
    if (typed?.of !== value || typed.text.trim() === value) return;
    const timer = setTimeout(() => onCommit(typed.text.trim()), TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed, value, onCommit]);
  return <TextField {...rest} value={text} onChange={(event) => setTyped({ text: event.target.value, of: value })} />;
}

function UserField({ label, value, onCommit, main }: { label: string; value: string; onCommit: (id: string) => void; main?: boolean }) {
  const { t } = useTranslation();
  const me = useShopper();
  const list = useId();
  const users = useQuery(usersQuery());
  return (
    <div className={css.who}>
      <Typed label={label} icon="user" list={list} placeholder={t("rec.pickCompare")} value={value} onCommit={onCommit} autoComplete="off" spellCheck={false} {...(main ? { "data-search": true } : {})} />
      {value !== me && <Button tone="quiet" onClick={() => onCommit(me)}>{t("rec.useMe")}</Button>}
      <datalist id={list}>{users.data?.items.map((user) => <option key={user.userId} value={user.userId}>{t("shop.actions", { count: user.actionCount })}</option>)}</datalist>
    </div>
  );
}
