import { codePattern } from '../../ids.ts'
import { columnOf, CsvFindings, quote, type CsvFile, type CsvRow } from '../../csv.ts'
import type { ParseTime } from './time-format.ts'
import { knownTimes } from './times.ts'

/**
 * The readings of a recorded log, from its rows. Every row is judged before any is used: a bad one refuses the
 * file, with its line and the reason.
 */
export interface RecordedReading {
  device: string
  atMs: number
  /** What the log says where that is neither occupied nor vacant: published as it is. */
  occupied: boolean | string
  /** Order among readings of the same moment: what ends before what begins. */
  rank: number
}

export interface EventColumns {
  device: string
  at: string
  state: string
  occupied: readonly string[]
  vacant: readonly string[]
}

export interface StayColumns {
  device: string
  from: string
  to: string
}

/** A state in neither list is published as it is, and must fit into a message. */
const longestState = 1000
const ends = 0
const momentary = 1
const begins = 2

/** One reading per row: a device, a time and a state. */
export function readEvents(file: CsvFile, columns: EventColumns, parseTime: ParseTime): RecordedReading[] {
  const at = columnOf(file, columns.at)
  const state = columnOf(file, columns.state)
  return readRows(file, columns.device, (row, device, findings) => {
    const atMs = readTime(row, { column: at, name: columns.at, parseTime, findings })
    const cell = row.cells[state] ?? ''
    if (cell.length > longestState)
      findings.add(row.line, `${columns.state}: is longer than ${longestState} characters`)
    const occupied = readState(cell, columns)
    return atMs === undefined ? [] : [{ device, atMs, occupied, rank: momentary }]
  })
}

/** Two readings per row, arrival and departure. One that ends as the next begins, ends first. */
export function readStays(file: CsvFile, columns: StayColumns, parseTime: ParseTime): RecordedReading[] {
  const from = columnOf(file, columns.from)
  const to = columnOf(file, columns.to)
  return readRows(file, columns.device, (row, device, findings) => {
    const arrival = readTime(row, { column: from, name: columns.from, parseTime, findings })
    const departure = readTime(row, { column: to, name: columns.to, parseTime, findings })
    if (arrival === undefined || departure === undefined) return []
    if (departure < arrival) {
      findings.add(row.line, `${columns.to}: is before ${columns.from}`)
      return []
    }
    const short = arrival === departure
    return [
      { device, atMs: arrival, occupied: true, rank: short ? momentary : begins },
      { device, atMs: departure, occupied: false, rank: short ? momentary : ends },
    ]
  })
}

function readRows(
  file: CsvFile,
  deviceColumn: string,
  read: (row: CsvRow, device: string, findings: CsvFindings) => RecordedReading[],
): RecordedReading[] {
  const column = columnOf(file, deviceColumn)
  const findings = new CsvFindings(file.path)
  const readings = file.rows.flatMap((row) => {
    const device = row.cells[column] ?? ''
    if (!codePattern.test(device)) {
      findings.add(row.line, `${deviceColumn}: ${quote(device)} is no code of 1 to 64 of A-Z a-z 0-9 . _ ~ -`)
    }
    return read(row, device, findings)
  })
  findings.refuse(`nothing was sent; known times are ${knownTimes}`)
  return readings
}

interface TimeCell {
  column: number
  name: string
  parseTime: ParseTime
  findings: CsvFindings
}

function readTime(row: CsvRow, { column, name, parseTime, findings }: TimeCell): number | undefined {
  const text = row.cells[column] ?? ''
  const time = parseTime(text)
  if (time === undefined) {
    findings.add(row.line, text === '' ? `${name}: is empty` : `${name}: ${quote(text)} is no time`)
  }
  return time
}

function readState(cell: string, { occupied, vacant }: EventColumns): boolean | string {
  if (occupied.includes(cell)) return true
  return vacant.includes(cell) ? false : cell
}
