import { useTranslation } from "react-i18next";

import { Store, useStore } from "~/lib/store";

import { IconButton } from "./Button";
import { CopyButton } from "./Copy";
import { Icon } from "./Icon";
import css from "./ui.module.css";
import { Words } from "./Words";

export interface Toast {
  id: number;
  tone: "plain" | "good" | "bad";
  title: string;
  text?: string | undefined;
  traceId?: string | undefined;
}

const TOASTS_MAX = 4;
const toasts = new Store<readonly Toast[]>([]);
let nextId = 1;

export function dismissToast(id: number): void {
  toasts.set((before) => before.filter((toast) => toast.id !== id));
}

/** Takes all of them away, as when somebody else may be looking. */
export function dismissToasts(): void {
  toasts.set([]);
}

/** Shows a message in the corner; an error stays until dismissed. */
export function showToast(toast: Omit<Toast, "id">): void {
  const id = nextId++;
  const same = (other: Toast) => other.title === toast.title && other.text === toast.text;
  toasts.set((before) => [...before.filter((other) => !same(other)), { ...toast, id }].slice(-TOASTS_MAX));
  if (toast.tone !== "bad") setTimeout(() => dismissToast(id), 6000);
}

export function Toasts() {
  const { t } = useTranslation();
  const list = useStore(toasts);
  return (
    <div className={css.toasts} role="status" aria-live="polite">
      {list.map((toast) => (
        <div key={toast.id} className={css.toast} data-tone={toast.tone}>
          <Icon name={toast.tone === "bad" ? "warn" : toast.tone === "good" ? "check" : "bell"} />
          <div>
            <p className={css.toastTitle}>{toast.title}</p>
            {toast.text && <p className={css.toastText}><Words text={toast.text} /></p>}
            {toast.traceId && <CopyButton label={`${t("common.traceId")} ${toast.traceId.slice(0, 8)}…`} text={() => toast.traceId ?? ""} />}
          </div>
          <IconButton icon="x" label={t("common.dismiss")} onClick={() => dismissToast(toast.id)} />
        </div>
      ))}
    </div>
  );
}
