import { type SyntheticEvent, useState } from "react";
import { useTranslation } from "react-i18next";

import type { Simulator } from "~/api/types";
import { useLocale } from "~/i18n";
import { formatCompact } from "~/lib/format";
import { Button } from "~/ui/Button";
import { TextField } from "~/ui/Field";

import { RATE_MAX, RATE_MIN, rateOf, STEPS, stepOf } from "./scale";
import css from "./sim.module.css";

export interface Crowd {
  users: number;
  rate: number;
  seed: number;
}

interface ControlsProps {
  simulator: Simulator;
  busy: boolean;
  onStart: (crowd: Crowd) => void;
  onRate: (rate: number) => void;
}

const TICKS = [1, 10, 100, 1000, 10_000] as const;
const USERS_MAX = 1_000_000;

/** Rate, shoppers and seed. While it runs, the rate is changed at once. */
export function Controls({ simulator, busy, onStart, onRate }: ControlsProps) {
  const { t } = useTranslation();
  const locale = useLocale();
  const running = simulator.state === "running";
  const [draft, setDraft] = useState<Partial<Crowd>>({});
  const crowd: Crowd = { users: draft.users ?? simulator.users, rate: draft.rate ?? simulator.rate, seed: draft.seed ?? simulator.seed };
  const changed = crowd.users !== simulator.users || crowd.seed !== simulator.seed;

  const commitRate = (rate: number) => {
    if (running && rate !== simulator.rate) onRate(rate);
  };
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    onStart(crowd);
    setDraft({});
  };
  const number = (key: keyof Crowd, min: number, max: number) => (text: string) => {
    const value = Number(text);
    if (text !== "" && Number.isFinite(value)) setDraft((before) => ({ ...before, [key]: Math.min(max, Math.max(min, Math.round(value))) }));
  };

  return (
    <form className={css.panel} onSubmit={submit} aria-label={t("sim.setup")}>
      <h2>{t("sim.setup")}</h2>
      <div className={css.slider}>
        <div className={css.sliderTop}>
          <TextField type="number" label={t("sim.rate")} min={RATE_MIN} max={RATE_MAX} value={crowd.rate} onChange={(event) => number("rate", RATE_MIN, RATE_MAX)(event.target.value)} onBlur={() => commitRate(crowd.rate)} />
          <span>{t("sim.rateUnit")}</span>
        </div>
        <div>
          <input
            type="range"
            min={0}
            max={STEPS}
            value={stepOf(crowd.rate)}
            aria-label={t("sim.rate")}
            aria-valuetext={`${crowd.rate} ${t("sim.rateUnit")}`}
            onChange={(event) => setDraft((before) => ({ ...before, rate: rateOf(Number(event.target.value)) }))}
            onPointerUp={() => commitRate(crowd.rate)}
            onKeyUp={() => commitRate(crowd.rate)}
          />
          <div className={css.ticks} aria-hidden="true">{TICKS.map((tick) => <span key={tick}>{formatCompact(tick, locale)}</span>)}</div>
        </div>
      </div>
      <TextField type="number" label={t("sim.users")} min={1} max={USERS_MAX} value={crowd.users} onChange={(event) => number("users", 1, USERS_MAX)(event.target.value)} />
      <TextField type="number" label={t("sim.seed")} hint={t("sim.seedHint")} min={0} value={crowd.seed} onChange={(event) => number("seed", 0, Number.MAX_SAFE_INTEGER)(event.target.value)} />
      <div className={css.acts}>
        {running ? (
          <Button type="submit" disabled={busy || !changed}>{t("sim.restart")}</Button>
        ) : (
          <Button type="submit" tone="primary" icon="play" disabled={busy}>{busy ? t("sim.starting") : t("sim.start")}</Button>
        )}
        <p className="muted">{running ? t("sim.liveHint") : t("sim.stoppedHint")}</p>
      </div>
    </form>
  );
}
