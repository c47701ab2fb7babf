import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { useLive } from "~/api/live";
import { preferenceQuery } from "~/api/queries";
import { NOTHING_SAID, sayNext } from "~/app/announce";
import { cx } from "~/lib/cx";
import { Icon } from "~/ui/Icon";

import css from "./forYou.module.css";

/** How often we ask whether this shopper's actions still wait, while anybody's do. */
const ASK_EVERY_MS = 2000;

interface ActionsWaitProps {
  userId: string;
  /** The platform knows the shopper: nothing waits of somebody who never acted. */
  known: boolean;
  /** Fewer wait than before: taste has moved without a new action. */
  onMoved: () => void;
}

/** Says how many of the shopper's actions count only once their product has a vector. Nothing, once none does. */
export function ActionsWait({ userId, known, onMoved }: ActionsWaitProps) {
  const { t } = useTranslation();
  const { last, receivedAt } = useLive();
  // Where nobody's action waits there is nothing to ask.
  const asks = known && (last?.waitingActions ?? 0) > 0;
  const { data } = useQuery({ ...preferenceQuery(userId), enabled: asks, refetchInterval: ASK_EVERY_MS });
  const waiting = asks ? (data?.waitingActions ?? 0) : 0;

  const before = useRef(waiting);
  useEffect(() => {
    if (waiting < before.current) onMoved();
    before.current = waiting;
  }, [waiting, onMoved]);

  const [said, setSaid] = useState(NOTHING_SAID);
  const next = sayNext(said, waiting, receivedAt);
  if (next !== said) setSaid(next);
  const words = (count: number) => t("forYou.waits", { count });
  return (
    <>
      <span className="sr-only" role="status">{said.count === null ? "" : said.count === 0 ? t("forYou.waitsNot") : words(said.count)}</span>
      {waiting > 0 && (
        <p className={css.waits} aria-hidden="true">
          <Icon name="info" size={14} />
          <span className={cx("clip", "num")} title={words(waiting)}>{words(waiting)}</span>
        </p>
      )}
    </>
  );
}
