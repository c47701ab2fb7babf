import { useTranslation } from "react-i18next";

import type { Explain } from "~/api/types";
import { useLocale } from "~/i18n";
import { formatNumber } from "~/lib/format";

import css from "./rec.module.css";

export const PARTS = ["similarity", "popularity", "matching", "diversity"] as const;
type Part = (typeof PARTS)[number];

const INK: Record<Part, string> = { similarity: "var(--s1)", popularity: "var(--s2)", matching: "var(--s3)", diversity: "var(--s4)" };

/** What a score is made of, as one bar; `top` is the greatest score beside it. */
export function PartsBar({ explain, top }: { explain: Explain; top: number }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const parts = PARTS.map((part) => ({ part, value: Math.max(0, explain[part]) })).filter(({ value }) => value > 0.0005);
  const words = parts.map(({ part, value }) => `${t(`rec.${part}`)} ${formatNumber(value, locale, 2)}`).join(", ");
  const total = parts.reduce((sum, { value }) => sum + value, 0);
  const scale = Math.max(top, total, 1e-9);
  return (
    <div className={css.parts} role="img" aria-label={words} title={words}>
      {parts.map(({ part, value }) => <i key={part} style={{ width: `${(value / scale) * 100}%`, background: INK[part] }} />)}
    </div>
  );
}

export function PartsLegend({ shown }: { shown: readonly Part[] }) {
  const { t } = useTranslation();
  return (
    <div className={css.legend}>
      {shown.map((part) => <span key={part}><i className={css.key} style={{ background: INK[part] }} />{t(`rec.${part}`)}</span>)}
    </div>
  );
}

/** The same with numbers, one line a part. */
export function PartsTable({ explain }: { explain: Explain }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const scale = Math.max(explain.final, ...PARTS.map((part) => Math.abs(explain[part])), 1e-9);
  return (
    <dl>
      {explain.cosine !== undefined && (
        <div className={css.partRow}>
          <dt className="muted">{t("rec.cosine")}</dt>
          <dd />
          <dd className="num muted">{formatNumber(explain.cosine, locale, 3)}</dd>
        </div>
      )}
      {PARTS.filter((part) => explain[part] !== 0).map((part) => (
        <div key={part} className={css.partRow}>
          <dt className="muted">{t(`rec.${part}`)}</dt>
          <dd className={css.parts}><i style={{ width: `${(Math.abs(explain[part]) / scale) * 100}%`, opacity: explain[part] < 0 ? 0.5 : 1, background: INK[part] }} /></dd>
          <dd className="num">{formatNumber(explain[part], locale, 3)}</dd>
        </div>
      ))}
      <div className={css.partRow}>
        <dt><strong>{t("rec.final")}</strong></dt>
        <dd />
        <dd className="num"><strong>{formatNumber(explain.final, locale, 3)}</strong></dd>
      </div>
    </dl>
  );
}
