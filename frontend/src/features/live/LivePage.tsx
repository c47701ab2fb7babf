import { getRouteApi, Link } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";

import { useLive, useLivePoints } from "~/api/live";
import type { LivePoint, LiveStatus } from "~/api/types";
import { ErrorNote } from "~/app/ErrorNote";
import { WINDOWS_MIN } from "~/app/search";
import { ApiError } from "~/api/client";
import { useLocale } from "~/i18n";
import { formatAgo, formatTime } from "~/lib/format";
import { useNow } from "~/lib/useNow";
import { Button } from "~/ui/Button";
import { Segmented } from "~/ui/Field";
import { Icon } from "~/ui/Icon";
import { Badge, Skeleton } from "~/ui/States";

import { Charts, type Zoom } from "./Charts";
import { DeadLetters } from "./DeadLetters";
import { keyOf, LagPanel, LagTable } from "./LagTable";
import css from "./live.module.css";
import { counted, within } from "./series";
import { Stats } from "./Stats";
import { Tail } from "./Tail";

const route = getRouteApi("/live");
const WINDOW_DEFAULT_MIN = 5;

/** What is shown: of now, or of when it was paused. */
interface Shown {
  points: readonly LivePoint[];
  recent: readonly LiveStatus[];
  last: LiveStatus | null;
}

/** Is it working, how fast, what broke. */
export function LivePage() {
  const { t } = useTranslation();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const feed = useLive();
  const current = { points: useLivePoints(), recent: feed.recent, last: feed.last };
  const [frozen, setFrozen] = useState<Shown | null>(null);
  const [zoom, setZoom] = useState<Zoom | null>(null);
  const { points, recent, last } = frozen ?? current;
  const endMs = last ? Date.parse(last.at) : 0;
  const minutes = search.minutes ?? WINDOW_DEFAULT_MIN;
  const set = (change: Partial<typeof search>) => void navigate({ search: (before) => ({ ...before, ...change }), replace: true, resetScroll: false });
  const toggle = () => setFrozen(frozen ? null : current);
  usePauseKey(toggle);

  const row = search.row === undefined ? undefined : last?.lag.find((one) => keyOf(one) === search.row);
  return (
    <div className={css.page}>
      <h1 className="sr-only">{t("live.title")}</h1>
      <div className={css.tools}>
        <Segmented label={t("live.window")} value={String(minutes)} options={WINDOWS_MIN.map((n) => ({ value: String(n), label: t("live.minutes", { n }) }))} onChange={(value) => set({ minutes: Number(value) })} />
        <Button icon={frozen ? "play" : "pause"} aria-pressed={frozen !== null} onClick={toggle}>{frozen ? t("live.resume") : t("live.pause")}</Button>
        {frozen && <Badge tone="warn" icon="pause">{t("live.paused")}</Badge>}
        {zoom && <Button tone="quiet" icon="x" onClick={() => setZoom(null)}>{t("live.resetZoom")}</Button>}
        <p className={css.note}><Freshness at={frozen ? endMs : feed.receivedAt} />{last && <span className="num"> · {t("live.ratesOver", { seconds: last.windowS })}</span>}<Since points={points} endMs={endMs} minutes={minutes} /><span className={css.hint}> · {t("live.zoom")}</span></p>
      </div>
      {!last ? (
        feed.state === "lost" ? <ErrorNote error={new ApiError(0, "")} /> : <Ghost />
      ) : (
        <>
          {last.simulator?.state === "stopped" && !counted(last.rates, "accepted") && (
            <div className={css.idle} role="note">
              <Icon name="info" />
              <p><strong>{t("live.empty")}.</strong> {t("live.emptyHint")}</p>
              <Link to="/simulator">{t("live.startSim")}</Link>
            </div>
          )}
          <Stats points={points} last={last} />
          <Charts points={points} last={last} minutes={minutes} endMs={endMs} stage={search.stage ?? "freshness"} onStage={(stage) => set({ stage })} zoom={zoom} onZoom={setZoom} />
          <div className={css.below}>
            <LagTable rows={last.lag} selected={search.row} onOpen={(key) => set({ row: key })} />
            <div className={css.column}>
              <DeadLetters letters={last.deadLetters} />
              <Tail paused={frozen !== null} />
            </div>
          </div>
        </>
      )}
      {row && <LagPanel key={keyOf(row)} row={row} recent={recent} onClose={() => set({ row: undefined })} />}
    </div>
  );
}

function Freshness({ at }: { at: number }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const now = useNow();
  return <span className="num">{at === 0 ? t("live.waiting") : t("live.updated", { ago: now - at < 1500 ? t("common.now") : formatAgo(at, now, locale) })}</span>;
}

/** From when on the charts show something. */
function Since({ points, endMs, minutes }: { points: readonly LivePoint[]; endMs: number; minutes: number }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const [first] = within(points, minutes * 60, endMs);
  return first ? <span className="num"> · {t("live.since", { time: formatTime(Date.parse(first.at), locale) })}</span> : null;
}

function Ghost() {
  return (
    <>
      <Skeleton height={118} radius={8} />
      <div className={css.charts}>{Array.from({ length: 6 }, (_, at) => <Skeleton key={at} height={240} radius={8} />)}</div>
    </>
  );
}

function usePauseKey(toggle: () => void): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const typing = event.target instanceof HTMLElement && ["INPUT", "SELECT", "TEXTAREA"].includes(event.target.tagName);
      if (event.key === "p" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) toggle();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [toggle]);
}
