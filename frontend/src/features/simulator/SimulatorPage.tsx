import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { api, ApiError, unwrap } from "~/api/client";
import { scenariosQuery, simulatorQuery } from "~/api/queries";
import type { Scenario, Simulator } from "~/api/types";
import { ErrorNote } from "~/app/ErrorNote";
import { toastError } from "~/app/problems";
import { isAct } from "~/app/reasons";
import { useLocale } from "~/i18n";
import { formatCompact, formatNumber, formatRate, formatTime } from "~/lib/format";
import { Button } from "~/ui/Button";
import { Dialog } from "~/ui/Dialog";
import { Icon } from "~/ui/Icon";
import { Badge, Skeleton, StateNote } from "~/ui/States";

import { Controls, type Crowd } from "./Controls";
import { RateChart } from "./RateChart";
import css from "./sim.module.css";

type Command = { kind: "start"; crowd: Crowd } | { kind: "stop" } | { kind: "rate"; rate: number } | { kind: "scenario"; scenario: Scenario["id"] };

/** Virtual shoppers: who they are, how many, how fast. */
export function SimulatorPage() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const simulator = useQuery(simulatorQuery);
  const [picked, setPicked] = useState<Scenario["id"] | null>(null);

  const command = useMutation({
    mutationFn: async (one: Command): Promise<void> => {
      const scenario = picked ?? simulator.data?.scenario;
      if (one.kind === "start") {
        // A run that is on must end before another begins.
        if (simulator.data?.state === "running") await unwrap(api.POST("/simulator/stop"));
        await unwrap(api.POST("/simulator/start", { body: { ...one.crowd, ...(scenario ? { scenario } : {}) } }));
      }
      if (one.kind === "stop") await unwrap(api.POST("/simulator/stop"));
      if (one.kind === "rate") await unwrap(api.PATCH("/simulator", { body: { rate: one.rate } }));
      if (one.kind === "scenario") await unwrap(api.PATCH("/simulator", { body: { scenario: one.scenario } }));
    },
    onSettled: () => client.invalidateQueries({ queryKey: ["simulator"] }),
    onError: (error) => toastError(error, t),
  });

  if (simulator.error && !simulator.data) {
    return simulator.error instanceof ApiError && simulator.error.status === 404 ? (
      <StateNote icon="people" title={t("sim.unavailable")} text={t("sim.unavailableHint")} />
    ) : (
      <ErrorNote error={simulator.error} onRetry={() => void simulator.refetch()} />
    );
  }
  const { data } = simulator;
  if (!data) return <div className={css.page}><Skeleton height={480} radius={8} /><Skeleton height={420} radius={8} /></div>;

  const chooseScenario = (id: Scenario["id"]) => {
    setPicked(id);
    if (data.state === "running") command.mutate({ kind: "scenario", scenario: id });
  };
  return (
    <div className={css.page}>
      <div className={css.column}>
        <Head simulator={data} onStop={() => command.mutate({ kind: "stop" })} />
        <RateChart />
        <Scenarios chosen={picked ?? data.scenario} onChoose={chooseScenario} />
        <Totals simulator={data} />
      </div>
      <Controls key={data.state} simulator={data} busy={command.isPending} onStart={(crowd) => command.mutate({ kind: "start", crowd })} onRate={(rate) => command.mutate({ kind: "rate", rate })} />
    </div>
  );
}

function Head({ simulator, onStop }: { simulator: Simulator; onStop: () => void }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const [asking, setAsking] = useState(false);
  const running = simulator.state === "running";
  const share = simulator.targetRate > 0 ? Math.round((simulator.actualRate / simulator.targetRate) * 100) : 0;
  return (
    <header className={css.head}>
      <div>
        <h1 className="sr-only">{t("sim.title")}</h1>
        <p className={css.rateNow}>
          <strong className="num">{formatRate(running ? simulator.actualRate : 0, locale)}</strong>
          <span>{t("sim.rateUnit")}</span>
          <Badge tone={running ? "good" : "plain"} icon={running ? "play" : "stop"}>{running ? t("sim.running") : t("sim.stopped")}</Badge>
        </p>
        <p className="muted num">
          {running ? `${t("sim.ofTarget", { percent: `${share} %` })} (${formatNumber(simulator.targetRate, locale)})` : t("sim.intro")}
          {running && simulator.startedAt && ` · ${t("sim.since", { time: formatTime(Date.parse(simulator.startedAt), locale) })}`}
        </p>
      </div>
      {running && <div className={css.headEnd}><Button tone="danger" icon="stop" onClick={() => setAsking(true)}>{t("sim.stop")}</Button></div>}
      <Dialog
        open={asking}
        title={t("sim.confirmStop")}
        onClose={() => setAsking(false)}
        foot={
          <>
            <Button onClick={() => setAsking(false)}>{t("common.cancel")}</Button>
            <Button
              tone="primary"
              onClick={() => {
                setAsking(false);
                onStop();
              }}
            >
              {t("sim.stop")}
            </Button>
          </>
        }
      >
        <p>{t("sim.confirmStopHint")}</p>
      </Dialog>
    </header>
  );
}

function Scenarios({ chosen, onChoose }: { chosen: Scenario["id"]; onChoose: (id: Scenario["id"]) => void }) {
  const { t } = useTranslation();
  const scenarios = useQuery(scenariosQuery);
  if (scenarios.error) return <ErrorNote error={scenarios.error} onRetry={() => void scenarios.refetch()} />;
  return (
    <fieldset>
      <legend className={css.sectionHead}><h2>{t("sim.scenario")}</h2></legend>
      <div className={css.scenarios}>
        {scenarios.data?.items.map((scenario) => (
          <label key={scenario.id} className={css.scenario}>
            <input type="radio" name="scenario" checked={scenario.id === chosen} onChange={() => onChoose(scenario.id)} />
            <b>{t(`sim.scenarios.${scenario.id}.name`)} <Icon name="check" /></b>
            <span className="muted">{t(`sim.scenarios.${scenario.id}.text`)}</span>
          </label>
        )) ?? <Skeleton height={76} radius={8} />}
      </div>
    </fieldset>
  );
}

function Totals({ simulator }: { simulator: Simulator }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const { events, sessions, byAction, priceChanges, stockChanges } = simulator.totals;
  const actions = Object.entries(byAction).sort(([, a], [, b]) => b - a);
  const rows: [string, number][] = [
    [t("sim.total.events"), events],
    [t("sim.total.sessions"), sessions],
    ...actions.map(([name, count]): [string, number] => [isAct(name) ? t(`actNoun.${name}`) : name, count]),
    [t("sim.total.priceChanges"), priceChanges],
    [t("sim.total.stockChanges"), stockChanges],
    [t("sim.total.late"), simulator.late],
  ];
  return (
    <section>
      <div className={css.sectionHead}><h2>{t("sim.totals")}</h2></div>
      <dl className={css.totals}>
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd className="num" title={formatNumber(value, locale)}>{formatCompact(value, locale)}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
