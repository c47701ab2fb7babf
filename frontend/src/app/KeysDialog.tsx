import { useTranslation } from "react-i18next";

import { Button } from "~/ui/Button";
import { Dialog } from "~/ui/Dialog";
import { Kbd } from "~/ui/States";

import css from "./app.module.css";
import { ALL_PAGES } from "./pages";

export function KeysDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  const rows: [string, string[]][] = [
    [t("keys.help"), ["?"]],
    [t("keys.search"), ["/"]],
    ...ALL_PAGES.map((page): [string, string[]] => [t("keys.go", { page: t(`nav.${page.name}`) }), ["g", page.key]]),
    [t("keys.pause"), ["p"]],
    [t("keys.theme"), ["t"]],
    [t("keys.close"), ["Esc"]],
  ];
  return (
    <Dialog open={open} title={t("keys.title")} onClose={onClose} foot={<Button onClick={onClose}>{t("common.close")}</Button>}>
      <dl className={css.keys}>
        {rows.map(([what, keys]) => (
          <div key={what}>
            <dt>{what}</dt>
            <dd>{keys.map((key) => <Kbd key={key}>{key}</Kbd>)}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
