import { useQueryClient } from "@tanstack/react-query";
import { Outlet } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { useLive } from "~/api/live";
import { useLocale } from "~/i18n";
import { formatAgo } from "~/lib/format";
import { useNow } from "~/lib/useNow";
import { Icon } from "~/ui/Icon";
import { showToast, Toasts } from "~/ui/Toasts";

import css from "./app.module.css";
import { useInboxStream } from "./inbox";
import { KeysDialog } from "./KeysDialog";
import { useKeys } from "./keys";
import { Rail } from "./Rail";
import { useShopper } from "./shopper";
import { TopBar } from "./TopBar";

/** What stays while pages change: rail, top bar, and the word that the connection is gone. */
export function Frame() {
  const { t } = useTranslation();
  const [keysShown, setKeysShown] = useState(false);
  useKeys(() => setKeysShown(true));
  useInboxStream(useShopper());
  const stale = useStale();
  return (
    <div className={css.frame}>
      <a href="#main" className={css.skip}>{t("nav.skip")}</a>
      <Rail onKeys={() => setKeysShown(true)} />
      <div>
        <TopBar />
        <main id="main" className={css.main} tabIndex={-1} data-stale={stale !== null}>
          {stale !== null && <Stale since={stale} />}
          <div className={css.mainInner}><Outlet /></div>
        </main>
      </div>
      <KeysDialog open={keysShown} onClose={() => setKeysShown(false)} />
      <Toasts />
    </div>
  );
}

/** A server that says nothing for so long, when it should each second, is as good as gone. */
const SILENT_MS = 8000;

/** When the last word came, once the connection is lost; null while all is well. What is shown is brought up to date when it is back. */
function useStale(): number | null {
  const { t } = useTranslation();
  const client = useQueryClient();
  const { state, receivedAt } = useLive();
  const now = useNow();
  const was = useRef(state);
  useEffect(() => {
    if (was.current === "lost" && state === "open") {
      showToast({ tone: "good", title: t("error.back") });
      // What failed meanwhile, or may have changed, is asked for again.
      void client.invalidateQueries();
    }
    was.current = state;
  }, [state, client, t]);
  const silent = state === "open" && now - receivedAt > SILENT_MS;
  return receivedAt > 0 && (state === "lost" || silent) ? receivedAt : null;
}

function Stale({ since }: { since: number }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const now = useNow();
  return (
    <p className={css.stale} role="status">
      <Icon name="warn" />
      {/* Said once, not each second. */}
      <span className="sr-only">{t("error.stale")}</span>
      <span aria-hidden="true">{t("error.staleSince", { ago: formatAgo(since, now, locale) })}</span>
    </p>
  );
}
