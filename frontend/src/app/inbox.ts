// The shopper's notifications as they arrive: one stream for the bell and the page.
import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";

import { openStream, type StreamState } from "~/api/stream";
import type { Notification } from "~/api/types";
import { Store, useStore } from "~/lib/store";
import { showToast } from "~/ui/Toasts";

export interface Arrival {
  notification: Notification;
  /** By this machine's clock, ms. */
  at: number;
}

interface Inbox {
  userId: string;
  state: StreamState;
  /** The newest first, of this visit. */
  arrivals: readonly Arrival[];
  missed: boolean;
}

const ARRIVALS_MAX = 200;
const inbox = new Store<Inbox>({ userId: "", state: "connecting", arrivals: [], missed: false });

export function useInbox(): Inbox {
  return useStore(inbox);
}

/** Listens while the app is open. Called once, by the frame. */
export function useInboxStream(userId: string): void {
  const client = useQueryClient();
  const { t } = useTranslation();
  useEffect(() => {
    const refresh = () => void client.invalidateQueries({ queryKey: ["notifications", userId] });
    inbox.set({ userId, state: "connecting", arrivals: [], missed: false });
    return openStream(`/notifications/stream?userId=${encodeURIComponent(userId)}`, {
      resumeBy: "lastSequence",
      on: {
        notification: (data) => {
          if (!data) return;
          const notification = data as Notification;
          inbox.set((before) => ({ ...before, arrivals: [{ notification, at: Date.now() }, ...before.arrivals.filter((known) => known.notification.notificationId !== notification.notificationId)].slice(0, ARRIVALS_MAX) }));
          // On its own page it is seen to arrive.
          if (location.pathname !== "/notifications") showToast({ tone: "plain", title: t("notif.arrived"), text: notification.title });
          refresh();
        },
        gap: () => {
          inbox.set((before) => ({ ...before, missed: true }));
          refresh();
        },
      },
      onState: (state) => {
        inbox.set((before) => ({ ...before, state }));
        if (state === "open") refresh();
      },
    });
  }, [client, userId, t]);
}
