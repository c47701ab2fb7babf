import { type ReactNode, useEffect, useRef } from "react";
import { createPortal } from "react-dom";
import { useTranslation } from "react-i18next";

import { cx } from "~/lib/cx";

import { IconButton } from "./Button";
import css from "./ui.module.css";
import { useEscape } from "./useEscape";

interface SidePanelProps {
  title: string;
  onClose: () => void;
  children: ReactNode;
  foot?: ReactNode;
  /** For what is wide, such as source text. */
  wide?: boolean;
}

/** The details of one row, beside the table. Takes the focus when it opens and gives it back. */
export function SidePanel({ title, onClose, children, foot, wide = false }: SidePanelProps) {
  const { t } = useTranslation();
  const ref = useRef<HTMLElement>(null);
  useEscape(onClose);

  useEffect(() => {
    const before = document.activeElement;
    ref.current?.focus();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);

  // In the body: what greys out a stale page would otherwise hold it in place.
  return createPortal(
    <aside ref={ref} className={cx(css.side, wide && css.wide)} aria-label={title} tabIndex={-1}>
      <div className={css.sideHead}>
        <h2 className="clip">{title}</h2>
        <IconButton icon="x" label={t("common.close")} onClick={onClose} />
      </div>
      <div className={css.sideBody}>{children}</div>
      {foot && <div className={css.sideFoot}>{foot}</div>}
    </aside>,
    document.body,
  );
}
