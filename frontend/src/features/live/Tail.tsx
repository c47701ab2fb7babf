import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";

import { recentEventsQuery } from "~/api/queries";
import { openStream } from "~/api/stream";
import type { RecentEvent } from "~/api/types";
import { isAct } from "~/app/reasons";
import { useLocale } from "~/i18n";
import { formatTime } from "~/lib/format";
import { Badge, type Tone } from "~/ui/States";

import css from "./live.module.css";

const ROWS_MAX = 12;
const TONES: Record<string, Tone> = { PURCHASE: "good", ADD_TO_CART: "accent", WISHLIST: "accent", DISLIKE: "warn" };

/** A sample of what shoppers do, as it comes. Not shown where the server has no such stream. */
export function Tail({ paused }: { paused: boolean }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const recent = useQuery(recentEventsQuery);
  const [fresh, setFresh] = useState<readonly RecentEvent[]>([]);
  const offered = recent.isSuccess;

  useEffect(() => {
    if (!offered || paused) return;
    let waiting: RecentEvent[] = [];
    let frame = 0;
    // However fast they come, the list is drawn once a frame.
    const flush = () => {
      frame = 0;
      setFresh((before) => [...waiting.reverse(), ...before].slice(0, ROWS_MAX));
      waiting = [];
    };
    const take = (data: unknown) => {
      if (!data) return;
      waiting.push(data as RecentEvent);
      frame ||= requestAnimationFrame(flush);
    };
    const close = openStream("/events/tail", { on: { action: take, event: take, message: take } });
    return () => {
      close();
      cancelAnimationFrame(frame);
    };
  }, [offered, paused]);

  if (!recent.data) return null;
  const rows = [...fresh, ...recent.data.items].slice(0, ROWS_MAX);
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
