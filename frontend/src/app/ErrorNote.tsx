import { useTranslation } from "react-i18next";

import { Button } from "~/ui/Button";
import { CopyButton } from "~/ui/Copy";
import { StateNote } from "~/ui/States";

import { tell } from "./problems";

/** In the place of what could not be loaded: what failed, what to do, the trace id. */
export function ErrorNote({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const { t } = useTranslation();
  const told = tell(error, t);
  const { traceId } = told;
  return (
    <StateNote icon="warn" tone="bad" title={told.title} text={told.text}>
      {onRetry && <Button onClick={onRetry}>{t("common.retry")}</Button>}
      {traceId && <CopyButton label={`${t("common.traceId")} ${traceId.slice(0, 8)}…`} text={() => traceId} />}
    </StateNote>
  );
}
