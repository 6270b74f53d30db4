// The Node.js runtime: /init takes the function, /run calls it.
// Arguments: the text that ends an activation's logs, and {"fd": N} or {"port": N, "host": H}.
'use strict'

const { execFileSync } = require('child_process')
const fs = require('fs')
const http = require('http')
const { createRequire, Module } = require('module')
const os = require('os')
const path = require('path')

const endOfLogs = process.argv[2]
const place = JSON.parse(process.argv[3])
let main // the function, once it is there

class Refused extends Error {
  constructor (status, text) {
    super(text)
    this.status = status
  }
}

// An archive holds a module: package.json or index.js say where it begins.
function unpacked (code) {
  const room = fs.mkdtempSync(path.join(os.tmpdir(), 'action-'))
  const archive = path.join(room, 'action.zip')
  fs.writeFileSync(archive, Buffer.from(code, 'base64'))
  execFileSync('python3', ['-m', 'zipfile', '-e', archive, path.join(room, 'action')])
  return createRequire(path.join(room, 'action') + path.sep)(path.join(room, 'action'))
}

function compiled (code, name) {
  const module = new Module('action')
  module.paths = Module._nodeModulePaths(process.cwd())
  const found = `\n;(typeof ${name} !== 'undefined') && (module.found = ${name})`
  module._compile(code + found, path.join(process.cwd(), 'action.js'))
  return { [name]: module.found, ...module.exports }
}

function init ({ value }) {
  if (main) throw new Refused(403, 'Cannot initialize the action more than once.')
  const { code, binary, main: name = 'main', env = {} } = value || {}
  if (!code) throw new Refused(403, 'Missing main/no code to execute.')
  Object.assign(process.env, env)
  const exported = binary ? unpacked(code) : compiled(code, name)
  const found = name.split('.').reduce((holder, part) => holder && holder[part], exported)
  if (typeof found !== 'function') throw new Error(`Action entrypoint '${name}' is not a function.`)
  main = found
  return { ok: true }
}

async function run (message) {
  if (!main) throw new Refused(502, 'Cannot invoke an uninitialized action.')
  for (const [name, value] of Object.entries(message)) {
    if (name !== 'value') process.env['__OW_' + name.toUpperCase()] = String(value)
  }
  const called = main(message.value || {}) // what it throws at once is its own failure
  let result
  try {
    result = await called
  } catch (error) {
    return { error: error instanceof Error ? `An error has occurred: ${error}` : error ?? {} }
  }
  if (result === undefined) result = {}
  if (typeof result !== 'object' || result === null) {
    throw new Refused(502, 'The action did not return a dictionary or array.')
  }
  return result
}

async function answered (request, body) {
  const work = { '/init': init, '/run': run }[request.url]
  if (!work) return [404, { error: 'no such path' }]
  try {
    return [200, await work(JSON.parse(body || '{}'))]
  } catch (error) {
    if (error instanceof Refused) return [error.status, { error: error.message }]
    console.error(error)
    const when = work === init ? 'Initialization has failed due to' : 'An error has occurred'
    return [502, { error: `${when}: ${error && error.stack ? error.stack : error}` }]
  }
}

const server = http.createServer((request, response) => {
  const chunks = []
  request.on('data', chunk => chunks.push(chunk))
  request.on('end', async () => {
    const [status, found] = await answered(request, Buffer.concat(chunks).toString())
    if (request.url === '/run') {
      console.log(endOfLogs)
      console.error(endOfLogs)
    }
    const text = JSON.stringify(found)
    const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) }
    response.writeHead(status, headers)
    response.end(text)
  })
})
server.keepAliveTimeout = 0 // the invoker keeps its connection as long as the container
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0))
server.listen(place)
