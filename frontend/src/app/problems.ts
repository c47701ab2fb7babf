import type { TFunction } from "i18next";

import { ApiError } from "~/api/client";
import { showToast } from "~/ui/Toasts";

export interface Told {
  title: string;
  text: string;
  traceId: string | undefined;
}

/** What to tell a person about an error: what failed, what it means. */
export function tell(error: unknown, t: TFunction): Told {
  if (!(error instanceof ApiError)) return { title: t("error.failed"), text: error instanceof Error ? error.message : String(error), traceId: undefined };
  if (error.status === 0 || error.status === 502 || error.status === 504) return { title: t("error.unreachable"), text: t("error.unreachableHint"), traceId: undefined };
  const fields = error.fields.map((field) => `${field.field}: ${field.message}`).join("; ");
  return { title: error.title, text: fields || (error.message === error.title ? `HTTP ${error.status}` : error.message), traceId: error.traceId };
}

/** Says in the corner that an act failed. That a token is asked for is said by the sign-in. */
export function toastError(error: unknown, t: TFunction): void {
  if (error instanceof ApiError && error.status === 401) return;
  const told = tell(error, t);
  showToast({ tone: "bad", title: told.title, text: told.text, traceId: told.traceId });
}
