import { useTranslation } from "react-i18next";

import { Button } from "~/ui/Button";

import css from "./shop.module.css";

/** A part that could not be loaded, in one line, where the rest of the page goes on. */
export function Failed({ text, onRetry }: { text: string; onRetry: () => void }) {
  const { t } = useTranslation();
  return (
    <span className={css.failed} role="alert">
      {text} <Button small onClick={onRetry}>{t("common.retry")}</Button>
    </span>
  );
}
