import { useState } from "react";
import { useTranslation } from "react-i18next";

import { useLive } from "~/api/live";
import { useLocale } from "~/i18n";
import { formatNumber } from "~/lib/format";
import { Icon } from "~/ui/Icon";

import css from "./app.module.css";
import { NOTHING_SAID, sayNext } from "./announce";

/** Explains what is missing from what one sees: how many products wait for their vector. Nothing, once none does. */
export function Preparing() {
  const { t } = useTranslation();
  const locale = useLocale();
  const { last, receivedAt } = useLive();
  const waiting = last ? Math.max(0, last.products.total - last.products.embedded) : 0;
  const [said, setSaid] = useState(NOTHING_SAID);
  const next = sayNext(said, waiting, receivedAt);
  if (next !== said) setSaid(next);
  const words = (count: number) => t("preparing.products", { count, n: formatNumber(count, locale) });
  return (
    <>
      <span className="sr-only" role="status">{said.count === null ? "" : said.count === 0 ? t("preparing.done") : `${words(said.count)}. ${t("preparing.hint")}`}</span>
      {waiting > 0 && (
        <p className={css.preparing} aria-hidden="true">
          <Icon name="info" size={14} />
          <span><strong className="num">{words(waiting)}.</strong> {t("preparing.hint")}</span>
        </p>
      )}
    </>
  );
}
