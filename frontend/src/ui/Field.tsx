import { type InputHTMLAttributes, type ReactNode, type Ref, type SelectHTMLAttributes, type TextareaHTMLAttributes, useId } from "react";

import { cx } from "~/lib/cx";

import { Icon, type IconName } from "./Icon";
import css from "./ui.module.css";
import { Words } from "./Words";

interface FieldProps {
  label: string;
  /** The label is read aloud but not drawn. */
  hideLabel?: boolean;
  hint?: string | undefined;
  error?: string | undefined;
}

interface TextFieldProps extends FieldProps, Omit<InputHTMLAttributes<HTMLInputElement>, "size"> {
  icon?: IconName;
  ref?: Ref<HTMLInputElement>;
}

export function TextField({ label, hideLabel, hint, error, icon, className, ref, ...rest }: TextFieldProps) {
  const id = useId();
  const noteId = hint || error ? `${id}-note` : undefined;
  return (
    <div className={cx(css.field, className)}>
      <label htmlFor={id} className={hideLabel ? "sr-only" : css.label}>{label}</label>
      <div className={icon && css.withIcon}>
        {icon && <Icon name={icon} />}
        <input id={id} ref={ref} className={cx(css.input, rest.type === "number" && "num")} aria-invalid={error ? true : undefined} aria-describedby={noteId} {...rest} />
      </div>
      {(error ?? hint) && <span id={noteId} className={error ? css.fieldError : css.hint}>{error ?? hint}</span>}
    </div>
  );
}

interface CodeFieldProps extends Omit<FieldProps, "error">, TextareaHTMLAttributes<HTMLTextAreaElement> {
  /** What is wrong, a line each. */
  errors: readonly string[];
  ref?: Ref<HTMLTextAreaElement>;
}

/** Source text of several lines. */
export function CodeField({ label, hideLabel, hint, errors, className, ref, ...rest }: CodeFieldProps) {
  const id = useId();
  const noteIds = [hint && `${id}-hint`, errors.length > 0 && `${id}-errors`].filter(Boolean).join(" ");
  return (
    <div className={cx(css.field, className)}>
      <label htmlFor={id} className={hideLabel ? "sr-only" : css.label}>{label}</label>
      {hint && <span id={`${id}-hint`} className={css.hint}><Words text={hint} /></span>}
      <textarea id={id} ref={ref} className={cx(css.input, css.area)} spellCheck={false} autoCapitalize="off" autoComplete="off" wrap="off" aria-invalid={errors.length > 0 ? true : undefined} aria-describedby={noteIds || undefined} {...rest} />
      <div id={`${id}-errors`} role="alert" className={css.fieldError}>
        {errors.map((error) => <p key={error}><Words text={error} /></p>)}
      </div>
    </div>
  );
}

interface SelectFieldProps extends FieldProps, SelectHTMLAttributes<HTMLSelectElement> {
  children: ReactNode;
}

export function SelectField({ label, hideLabel, hint, error, className, children, ...rest }: SelectFieldProps) {
  const id = useId();
  return (
    <div className={cx(css.field, className)}>
      <label htmlFor={id} className={hideLabel ? "sr-only" : css.label}>{label}</label>
      <div className={css.selectWrap}>
        <select id={id} className={css.input} {...rest}>{children}</select>
        <Icon name="chevron" />
      </div>
      {(error ?? hint) && <span className={error ? css.fieldError : css.hint}>{error ?? hint}</span>}
    </div>
  );
}

interface SwitchProps {
  label: ReactNode;
  checked: boolean;
  onChange: (checked: boolean) => void;
  disabled?: boolean;
}

export function Switch({ label, checked, onChange, disabled }: SwitchProps) {
  return (
    <label className={css.switch}>
      <span>{label}</span>
      <input type="checkbox" role="switch" checked={checked} disabled={disabled} onChange={(event) => onChange(event.target.checked)} />
    </label>
  );
}

interface SegmentedProps<T extends string> {
  label: string;
  value: T;
  options: readonly { value: T; label: string }[];
  onChange: (value: T) => void;
}

/** One of two to five options, all in sight. */
export function Segmented<T extends string>({ label, value, options, onChange }: SegmentedProps<T>) {
  const name = useId();
  return (
    <div role="radiogroup" aria-label={label} className={css.segmented}>
      {options.map((option) => (
        <label key={option.value} className={css.segment}>
          <input type="radio" name={name} checked={option.value === value} onChange={() => onChange(option.value)} />
          {option.label}
        </label>
      ))}
    </div>
  );
}
