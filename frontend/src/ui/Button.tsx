import type { ButtonHTMLAttributes, ReactNode, Ref } from "react";

import { cx } from "~/lib/cx";

import { Icon, type IconName } from "./Icon";
import css from "./ui.module.css";

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  tone?: "plain" | "primary" | "danger" | "quiet";
  small?: boolean;
  icon?: IconName;
  children: ReactNode;
}

export function Button({ tone = "plain", small, icon, children, className, type = "button", ...rest }: ButtonProps) {
  return (
    <button type={type} className={cx(css.button, tone !== "plain" && css[tone], small && css.small, className)} {...rest}>
      {icon && <Icon name={icon} size={small ? 14 : 16} />}
      {children}
    </button>
  );
}

interface IconButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  icon: IconName;
  /** What it does; also shown as a tooltip. */
  label: string;
  filled?: boolean;
  ref?: Ref<HTMLButtonElement>;
}

export function IconButton({ icon, label, filled = false, className, children, ...rest }: IconButtonProps) {
  return (
    <button type="button" className={cx(css.iconButton, className)} aria-label={label} title={label} {...rest}>
      <Icon name={icon} filled={filled} />
      {children}
    </button>
  );
}

interface ChipProps {
  pressed: boolean;
  onPress: () => void;
  count?: number;
  children: ReactNode;
}

/** One choice of a few that can be read at a glance. */
export function Chip({ pressed, onPress, count, children }: ChipProps) {
  return (
    <button type="button" className={css.chip} aria-pressed={pressed} onClick={onPress}>
      {children}
      {count !== undefined && <span className={cx(css.chipCount, "num")}>{count}</span>}
    </button>
  );
}
