import type { ReactNode } from "react";

import { cx } from "~/lib/cx";

import { Icon, type IconName } from "./Icon";
import css from "./ui.module.css";
import { Words } from "./Words";

export type Tone = "plain" | "accent" | "good" | "warn" | "bad";

interface SkeletonProps {
  width?: number | string;
  height?: number | string;
  radius?: number;
  className?: string | undefined;
}

/** A grey stand-in with the size of what will come. */
export function Skeleton({ width = "100%", height = 14, radius, className }: SkeletonProps) {
  return <span className={cx(css.skeleton, className)} style={{ width, height, ...(radius === undefined ? {} : { borderRadius: radius }) }} />;
}

interface StateNoteProps {
  icon: IconName;
  title: string;
  text?: string | undefined;
  tone?: Tone;
  children?: ReactNode;
}

/** Says what is not here (empty, failed) and what to do about it. */
export function StateNote({ icon, title, text, tone = "plain", children }: StateNoteProps) {
  return (
    <div className={css.state} role={tone === "bad" ? "alert" : "note"}>
      <span className={css.stateIcon} data-tone={tone}><Icon name={icon} size={20} /></span>
      <p className={css.stateTitle}>{title}</p>
      {text && <p className={css.stateText}><Words text={text} /></p>}
      {children && <div className={css.stateActions}>{children}</div>}
    </div>
  );
}

export function Badge({ tone = "plain", icon, children }: { tone?: Tone; icon?: IconName; children: ReactNode }) {
  return (
    <span className={css.badge} data-tone={tone}>
      {icon && <Icon name={icon} size={12} />}
      {children}
    </span>
  );
}

/** Colour and shape; the word stands beside it. */
export function Dot({ tone }: { tone: Tone }) {
  return <span className={css.dot} data-tone={tone} aria-hidden="true" />;
}

export function Kbd({ children }: { children: ReactNode }) {
  return <kbd className={css.kbd}>{children}</kbd>;
}
