import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { recentEventsQuery } from "~/api/queries";
import { isAct } from "~/app/reasons";
import { useLocale } from "~/i18n";
import { formatTime } from "~/lib/format";
import { Badge, type Tone } from "~/ui/States";

import css from "./live.module.css";

const EVERY_MS = 1000;
const TONES: Record<string, Tone> = { PURCHASE: "good", ADD_TO_CART: "accent", WISHLIST: "accent", DISLIKE: "warn" };

/** The newest actions of the log, once a second: at 10,000 a second nobody reads more. */
export function Tail({ paused }: { paused: boolean }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const recent = useQuery({ ...recentEventsQuery, refetchInterval: paused ? false : EVERY_MS });
  if (!recent.data) return null;
  const rows = recent.data.items;
  return (
    <section>
      <div className={css.tailHead}><h2>{t("live.tail")}</h2><span className="muted">{t("live.tailHint")}</span></div>
      {rows.length === 0 ? (
        <p className="muted">{t("live.tailEmpty")}</p>
      ) : (
        <ul className={css.tail}>
          {rows.map((row) => (
            <li key={row.traceId}>
              <span className="muted num">{formatTime(Date.parse(row.at), locale)}</span>
              <span className="mono clip">{row.userId}</span>
              <span><Badge tone={TONES[row.actionType] ?? "plain"}>{isAct(row.actionType) ? t(`actNoun.${row.actionType}`) : row.actionType}</Badge></span>
              <span className="clip">{row.searchQuery ? `“${row.searchQuery}”` : <span className="mono">{row.productId}</span>}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
