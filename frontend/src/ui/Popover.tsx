import { type ReactNode, useEffect, useId, useRef, useState } from "react";

import { cx } from "~/lib/cx";

import css from "./ui.module.css";

interface PopoverProps {
  /** What the opened part is called. */
  label: string;
  align?: "start" | "end";
  trigger: (props: { onClick: () => void; "aria-expanded": boolean; "aria-controls": string; "aria-haspopup": "dialog" }) => ReactNode;
  children: (close: () => void) => ReactNode;
  className?: string | undefined;
}

/** Something that opens under its button. Escape, a click elsewhere or tabbing on closes it. */
export function Popover({ label, align = "end", trigger, children, className }: PopoverProps) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const id = useId();

  useEffect(() => {
    if (!open) return;
    const onPointer = (event: PointerEvent) => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      setOpen(false);
      root.current?.querySelector("button")?.focus();
    };
    document.addEventListener("pointerdown", onPointer);
    document.addEventListener("keydown", onKey, true);
    return () => {
      document.removeEventListener("pointerdown", onPointer);
      document.removeEventListener("keydown", onKey, true);
    };
  }, [open]);

  return (
    <div ref={root} className={css.popoverRoot} onBlur={(event) => event.relatedTarget && !root.current?.contains(event.relatedTarget) && setOpen(false)}>
      {trigger({ onClick: () => setOpen(!open), "aria-expanded": open, "aria-controls": id, "aria-haspopup": "dialog" })}
      {open && (
        <div id={id} role="dialog" aria-label={label} data-align={align} className={cx(css.popover, className)}>
          {children(() => setOpen(false))}
        </div>
      )}
    </div>
  );
}
