import { BlockList, isIP } from 'node:net'

/**
 * Reads a comma-separated list of addresses and CIDR ranges.
 * @throws Error that names the first that is none: a range that cannot be read must not count as everything or nothing
 */
export function readNetworks(text: string): BlockList {
  const list = new BlockList()
  for (const entry of text.split(',').map((part) => part.trim())) {
    if (entry !== '') addNetwork(list, entry)
  }
  return list
}

function addNetwork(list: BlockList, entry: string): void {
  const [address = '', bits, ...rest] = entry.split('/')
  const version = isIP(address)
  const most = version === 6 ? 128 : 32
  const prefix = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN
  if (version === 0 || rest.length > 0 || !(prefix >= 0 && prefix <= most)) {
    throw new Error(`${entry} is neither an address nor a range such as 10.0.0.0/8`)
  }
  list.addSubnet(address, prefix, version === 6 ? 'ipv6' : 'ipv4')
}
