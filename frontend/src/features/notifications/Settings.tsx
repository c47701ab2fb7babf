import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { api, unwrap } from "~/api/client";
import { settingsQuery } from "~/api/queries";
import type { NotificationSettings } from "~/api/types";
import { ErrorNote } from "~/app/ErrorNote";
import { toastError } from "~/app/problems";
import { Switch } from "~/ui/Field";
import { Skeleton } from "~/ui/States";

import css from "./notif.module.css";

const CHANNELS = ["inApp", "push", "sms"] as const;
const KINDS = ["priceDrop", "backInStock", "lowStock"] as const;

/** What a shopper wants to hear of, and where. Saved at once; put back where that fails. */
export function Settings({ userId }: { userId: string }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const query = settingsQuery(userId);
  const settings = useQuery(query);
  const save = useMutation({
    mutationFn: (next: NotificationSettings) => unwrap(api.PUT("/users/{id}/notification-settings", { params: { path: { id: userId } }, body: next })),
    onMutate: (next) => {
      const before = client.getQueryData(query.queryKey);
      client.setQueryData(query.queryKey, next);
      return { before };
    },
    onError: (error, _next, context) => {
      client.setQueryData(query.queryKey, context?.before);
      toastError(error, t);
    },
    onSettled: () => client.invalidateQueries({ queryKey: query.queryKey }),
  });
  const { data } = settings;
  if (settings.error && !data) return <section className={css.panel}><ErrorNote error={settings.error} onRetry={() => void settings.refetch()} /></section>;
  return (
    <section className={css.panel} aria-labelledby="settings">
      <h2 id="settings">{t("notif.settings")}</h2>
      {!data ? (
        <Skeleton height={128} />
      ) : (
        <div className={css.settings}>
          <div>
            <h3>{t("notif.kinds")}</h3>
            {KINDS.map((kind) => <Switch key={kind} label={t(`notif.${kind}`)} checked={data.kinds[kind]} onChange={(on) => save.mutate({ ...data, kinds: { ...data.kinds, [kind]: on } })} />)}
          </div>
          <div>
            <h3>{t("notif.channels")}</h3>
            {CHANNELS.map((channel) => <Switch key={channel} label={t(`notif.${channel}`)} checked={data[channel]} onChange={(on) => save.mutate({ ...data, [channel]: on })} />)}
          </div>
        </div>
      )}
    </section>
  );
}
