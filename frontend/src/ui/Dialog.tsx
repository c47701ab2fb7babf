import { type ReactNode, useEffect, useId, useRef } from "react";

import css from "./ui.module.css";

interface DialogProps {
  open: boolean;
  title: string;
  onClose: () => void;
  children: ReactNode;
  foot?: ReactNode;
}

/** Asks or tells, and holds the page until answered. */
export function Dialog({ open, title, onClose, children, foot }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  const titleId = useId();

  useEffect(() => {
    const dialog = ref.current;
    if (!dialog) return;
    if (open && !dialog.open) dialog.showModal();
    if (!open && dialog.open) dialog.close();
  }, [open]);

  return (
    <dialog ref={ref} className={css.dialog} aria-labelledby={titleId} onClose={onClose} onClick={(event) => event.target === ref.current && onClose()}>
      {open && (
        <>
          <h2 id={titleId}>{title}</h2>
          {children}
          {foot && <div className={css.dialogFoot}>{foot}</div>}
        </>
      )}
    </dialog>
  );
}
