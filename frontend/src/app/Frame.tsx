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

/** When the last word came, once the connection is lost; null while all is well. */
function useStale(): number | null {
  const { t } = useTranslation();
  const { state, receivedAt } = useLive();
  const lost = state === "lost" && receivedAt > 0;
  const was = useRef(false);
  useEffect(() => {
    if (was.current && !lost) showToast({ tone: "good", title: t("error.back") });
    was.current = lost;
  }, [lost, t]);
  return lost ? receivedAt : null;
}

function Stale({ since }: { since: number }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const now = useNow();
  return (
    <p className={css.stale} role="status">
      <Icon name="warn" />
      {t("error.staleSince", { ago: formatAgo(since, now, locale) })}
    </p>
  );
}
