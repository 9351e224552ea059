import { CRS, latLngBounds, map, svgOverlay, type Map as LeafletMap } from 'leaflet'
import { isStatus, statuses, statusFaces, type Status } from '../status.tsx'
import type { FloorLayout } from './floor-layout.ts'

/**
 * The plan of a level: one picture of all bays, which Leaflet moves and scales as a whole; a change of a space changes its one bay.
 * It is drawn by the DOM alone, so that 5,000 bays are no work for anybody else, and what people call their spaces is
 * text and nothing more.
 */
export interface PlanSpace {
  id: string
  code: string
}

export interface PlanState {
  status: string
  stale: boolean
}

export interface PlanViewOptions {
  onSelect: (spaceId: string) => void
}

interface Bay {
  /** Of its middle. */
  x: number
  y: number
  isOff: boolean
  group: SVGGElement
  letter: SVGTextElement
  status: string
  stale: boolean
  faint: boolean
}

const closestPxPerM = 48
/** From when on a letter, and a code, can be read in a bay. */
const lettersPx = 13
const codesPx = 30
const longestCode = 10
const titlePx = 26
/** From when on lines of a pattern are more than a grey. */
const patternsPxPerM = 3
/** What is further outside of what is seen, as a share of it, is not painted: a zoom paints all there is. */
const aroundShare = 0.6

export class PlanView {
  readonly #map: LeafletMap
  readonly #options: PlanViewOptions
  #overlay: ReturnType<typeof svgOverlay> | undefined
  #bays = new Map<string, Bay>()
  #layout: FloorLayout | undefined
  #selected: string | undefined
  /** The last one that was chosen on the plan itself. */
  #clicked: string | undefined
  #drawn = ''
  #painting: number | undefined

  constructor(container: HTMLElement, options: PlanViewOptions) {
    this.#options = options
    this.#map = map(container, {
      crs: CRS.Simple,
      attributionControl: false,
      zoomSnap: 0.25,
      zoomDelta: 0.75,
      wheelPxPerZoomLevel: 90,
      maxBoundsViscosity: 0.8,
      maxZoom: Math.log2(closestPxPerM),
      fadeAnimation: false,
      zoomAnimation: !matchMedia('(prefers-reduced-motion: reduce)').matches,
    })
    this.#map.on('zoomend', () => this.#showTexts())
    this.#map.on('move zoomend resize', () => this.#paintSoon())
    const resized = new ResizeObserver(() => this.#map.invalidateSize({ animate: false }))
    resized.observe(container)
    this.#map.on('unload', () => resized.disconnect())
  }

  /** Another level, or the same with other spaces: what is seen is all of it. The same once more leaves it as it is. */
  draw(spaces: readonly PlanSpace[], layout: FloorLayout): void {
    const drawn = JSON.stringify([spaces.map(({ id, code }) => [id, code]), layout])
    if (drawn === this.#drawn) return
    this.#drawn = drawn
    this.#overlay?.remove()
    this.#bays = new Map()
    this.#layout = layout
    const codes = new Map(spaces.map(({ id, code }) => [id, code]))
    const svg = element('svg', {
      viewBox: `0 0 ${layout.extent.width} ${layout.extent.height}`,
      preserveAspectRatio: 'none',
      class: 'floor',
    })
    svg.append(patterns())
    const codeSize = codeSizeOf(codes.values(), layout)
    for (const { id, x, y } of layout.bays) {
      const bay = drawBay({ id, code: codes.get(id) ?? '' }, { x, y, layout, codeSize })
      this.#bays.set(id, bay)
      svg.append(bay.group)
    }
    svg.addEventListener('click', (event) => this.#onClick(event))
    const bounds = latLngBounds([-layout.extent.height, 0], [0, layout.extent.width])
    this.#overlay = svgOverlay(svg, bounds, { interactive: true }).addTo(this.#map)
    this.#map.setMinZoom(-10)
    this.#map.fitBounds(bounds, { animate: false, padding: [6, 6] })
    this.#map.setMinZoom(this.#map.getZoom() - 1)
    this.#map.setMaxBounds(bounds.pad(0.5))
    this.#showTexts()
    this.#paintSeen()
    this.select(this.#selected)
  }

  /** What each space shows, and whether it is one of those that are looked for. */
  show(stateOf: (spaceId: string) => PlanState | undefined, isShown: (status: Status) => boolean): void {
    for (const [id, bay] of this.#bays) {
      const { status, stale } = stateOf(id) ?? unknown
      if (bay.status !== status) {
        bay.status = status
        bay.group.dataset['status'] = status
        bay.letter.textContent = isStatus(status) ? statusFaces[status].letter : '?'
      }
      if (bay.stale !== stale) {
        bay.stale = stale
        bay.group.classList.toggle('stale', stale)
      }
      const faint = isStatus(status) && !isShown(status)
      if (bay.faint !== faint) {
        bay.faint = faint
        bay.group.classList.toggle('faint', faint)
      }
    }
  }

  select(spaceId: string | undefined): void {
    if (spaceId !== this.#clicked) this.#clicked = undefined
    if (this.#selected !== undefined) this.#bays.get(this.#selected)?.group.classList.remove('selected')
    this.#selected = spaceId
    const bay = spaceId === undefined ? undefined : this.#bays.get(spaceId)
    bay?.group.classList.add('selected')
    // On top of its neighbours.
    bay?.group.parentNode?.append(bay.group)
  }

  /** Brings a bay into view, and close enough to be told from its neighbours; not where it was chosen on the plan itself. */
  reveal(spaceId: string): void {
    const bay = this.#bays.get(spaceId)
    if (bay === undefined || this.#layout === undefined || this.#clicked === spaceId) return
    const { width, height } = this.#layout
    const readable = Math.min(Math.log2(lettersPx / Math.min(width, height)), this.#map.getMaxZoom())
    const zoom = this.#map.getZoom()
    if (zoom < readable) this.#map.setView([-bay.y, bay.x], readable)
    else if (!this.#map.getBounds().pad(-0.1).contains([-bay.y, bay.x])) this.#map.panTo([-bay.y, bay.x])
  }

  remove(): void {
    if (this.#painting !== undefined) cancelAnimationFrame(this.#painting)
    this.#map.remove()
  }

  #onClick(event: MouseEvent): void {
    const bay = event.target instanceof Element ? event.target.closest<SVGGElement>('[data-space]') : null
    const id = bay?.dataset['space']
    if (id === undefined) return
    this.#clicked = id
    this.#options.onSelect(id)
  }

  #paintSoon(): void {
    if (this.#painting !== undefined) return
    this.#painting = requestAnimationFrame(() => {
      this.#painting = undefined
      this.#paintSeen()
    })
  }

  #paintSeen(): void {
    const seen = this.#map.getBounds().pad(aroundShare)
    const [west, east, north, south] = [seen.getWest(), seen.getEast(), -seen.getNorth(), -seen.getSouth()]
    for (const bay of this.#bays.values()) {
      const isOff = bay.x < west || bay.x > east || bay.y < north || bay.y > south
      if (isOff === bay.isOff) continue
      bay.isOff = isOff
      bay.group.classList.toggle('off', isOff)
    }
  }

  #showTexts(): void {
    if (this.#layout === undefined) return
    const pxPerM = 2 ** this.#map.getZoom()
    const { width, height } = this.#layout
    const container = this.#map.getContainer()
    container.classList.toggle('with-patterns', pxPerM >= patternsPxPerM)
    container.classList.toggle('with-letters', Math.min(width, height) * pxPerM >= lettersPx)
    container.classList.toggle('with-codes', width * pxPerM >= codesPx && height * pxPerM >= titlePx)
  }
}

const unknown: PlanState = { status: 'unknown', stale: false }

function shownCode(code: string): string {
  return code.length > longestCode ? `${code.slice(0, longestCode - 1)}…` : code
}

/** One for all, so that they can be read along a row: the longest fits. */
function codeSizeOf(codes: Iterable<string>, { width, height }: FloorLayout): number {
  const longest = Array.from(codes, (code) => shownCode(code).length).reduce(
    (most, length) => Math.max(most, length),
    4,
  )
  return Math.min(height / 4, (width * 0.84) / (0.62 * longest))
}

interface Drawn {
  x: number
  y: number
  layout: FloorLayout
  codeSize: number
}

function drawBay({ id, code }: PlanSpace, { x, y, layout, codeSize }: Drawn): Bay {
  const { width, height } = layout
  const group = element('g', { class: 'bay', transform: `translate(${x - width / 2} ${y - height / 2})` })
  group.dataset['space'] = id
  group.dataset['code'] = code
  group.dataset['status'] = ''
  const letterSize = Math.min(width, height) * 0.6
  const title = element('title', {})
  title.textContent = code
  const letter = textAt(width / 2, height * 0.42, letterSize, 'letter')
  const name = textAt(width / 2, height - codeSize * 1.1, codeSize, 'bay-code')
  name.textContent = shownCode(code)
  const box = { width: String(width), height: String(height), rx: String(Math.min(width, height) * 0.08) }
  group.append(
    title,
    element('rect', { ...box, class: 'ground' }),
    element('rect', { ...box, class: 'pattern' }),
    letter,
    name,
  )
  return { x, y, isOff: false, group, letter, status: '', stale: false, faint: false }
}

function textAt(x: number, y: number, size: number, className: string): SVGTextElement {
  return element('text', {
    x: String(x),
    y: String(y),
    'font-size': String(size),
    class: className,
    'text-anchor': 'middle',
    'dominant-baseline': 'central',
  })
}

/** In metres, as everything of the picture is. */
const lines: Readonly<Partial<Record<Status, string>>> = {
  reserved: 'M0 0 L0.8 0.8 M-0.2 0.6 L0.2 1 M0.6 -0.2 L1 0.2',
  blocked: 'M0 0 L0.8 0.8 M0.8 0 L0 0.8',
  out_of_service: 'M0 0.4 L0.8 0.4',
  unknown: 'M0.3 0.4 L0.5 0.4',
}

function patterns(): SVGDefsElement {
  const defs = element('defs', {})
  for (const status of statuses) {
    const path = lines[status]
    if (path === undefined) continue
    const pattern = element('pattern', {
      id: `bay-${status}`,
      width: '0.8',
      height: '0.8',
      patternUnits: 'userSpaceOnUse',
    })
    pattern.append(element('path', { d: path, class: 'line' }))
    defs.append(pattern)
  }
  return defs
}

function element<Name extends keyof SVGElementTagNameMap>(
  name: Name,
  attributes: Readonly<Record<string, string>>,
): SVGElementTagNameMap[Name] {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  return made
}
