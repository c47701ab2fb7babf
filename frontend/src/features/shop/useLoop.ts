import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useLayoutEffect, useMemo } from "react";
import { useTranslation } from "react-i18next";

import { api, unwrap } from "~/api/client";
import { openStream } from "~/api/stream";
import type { PreferenceChange } from "~/api/types";
import { toastError } from "~/app/problems";
import { useStore } from "~/lib/store";

import { ShopLoop } from "./loop";

export const FOR_YOU_ITEMS = 8;

const CLOCKS = { wallMs: () => Date.now(), monotonicMs: () => performance.now() };

/** The loop of one shopper, running while the page is open. */
export function useLoop(userId: string) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const loop = useMemo(
    () =>
      new ShopLoop(userId, {
        post: (event) => unwrap(api.POST("/events", { body: event })),
        recommend: (signal) => unwrap(api.GET("/recommendations", { signal, params: { query: { userId, limit: FOR_YOU_ITEMS, placement: "shop" } } })),
        watch: (on, onOpen) =>
          openStream(`/users/${encodeURIComponent(userId)}/changes`, {
            on: { preference: (data) => data && on(data as PreferenceChange) },
            onState: (state) => onOpen(state === "open"),
          }),
        onError: (error) => toastError(error, t),
        ...CLOCKS,
      }),
    [userId, t],
  );

  useEffect(() => {
    loop.start();
    return () => {
      loop.stop();
      void client.invalidateQueries({ queryKey: ["history", userId] });
    };
  }, [loop, client, userId]);

  const state = useStore(loop.state);

  // The list stands in the page, not yet on the screen: a task after the next frame's callbacks runs behind its paint.
  useLayoutEffect(() => {
    const frame = requestAnimationFrame(() => setTimeout(() => loop.painted(state.version), 0));
    return () => cancelAnimationFrame(frame);
  }, [loop, state.version]);

  return { loop, state };
}
