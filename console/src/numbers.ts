const whole = new Intl.NumberFormat('en-GB')

/** `20,448` */
export function counted(count: number): string {
  return whole.format(count)
}

/** `1 device`, `3 devices` */
export function countOf(count: number, one: string, many = `${one}s`): string {
  return `${counted(count)} ${count === 1 ? one : many}`
}
