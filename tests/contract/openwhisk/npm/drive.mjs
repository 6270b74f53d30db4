// What a user of the official client does: its answers, or its error, as one JSON object.
// Environment: APIHOST and KEY. The client is the one that `npm ci` put beside this file.
import openwhisk from 'openwhisk'

const { APIHOST: apihost, KEY: key } = process.env
const ow = openwhisk({ apihost, api_key: key, ignore_certs: true })
const hello = "function main(args) { return { payload: `Hello, ${args.name || 'World'}!` } }"
const zipped = Buffer.from(process.env.ZIP, 'base64')

async function error (promise) {
  try {
    return { none: await promise }
  } catch (found) {
    return { status: found.statusCode, text: found.message }
  }
}

async function recorded (id) {
  for (let tried = 0; ; tried++) {
    try {
      return await ow.activations.get({ name: id })
    } catch (found) {
      if (found.statusCode !== 404 || tried > 200) throw found
      await new Promise(resolve => setTimeout(resolve, 25))
    }
  }
}

const said = {}
said.created = await ow.actions.create({ name: 'npm-hello', action: hello })
said.again = await error(ow.actions.create({ name: 'npm-hello', action: hello }))
said.world = await ow.actions.invoke({ name: 'npm-hello', blocking: true, result: true })
const params = { name: 'JavaScript' }
said.named = await ow.actions.invoke({ name: 'npm-hello', blocking: true, result: true, params })
const record = await ow.actions.invoke({ name: 'npm-hello', blocking: true, params })
said.record = record
said.fetched = await recorded(record.activationId)
said.result = await ow.activations.result({ name: record.activationId })
said.logs = await ow.activations.logs({ name: record.activationId })
said.later = await ow.actions.invoke({ name: 'npm-hello' })
said.laterRecord = await recorded(said.later.activationId)
said.listed = await ow.actions.list()
said.activations = await ow.activations.list({ name: 'npm-hello' })
said.zip = await ow.actions.create({ name: 'npm-zip', action: zipped, kind: 'nodejs:default' })
said.zipped = await ow.actions.invoke({ name: 'npm-zip', blocking: true, result: true })
said.package = await ow.packages.create({ name: 'npm-pkg', package: { parameters: [{ key: 'greeting', value: 'Hi' }] } })
said.inside = await ow.actions.create({ name: 'npm-pkg/echo', action: 'function main(args) { return args }' })
said.merged = await ow.actions.invoke({ name: 'npm-pkg/echo', blocking: true, result: true, params: { a: 1 } })
said.packageGot = await ow.packages.get({ name: 'npm-pkg' })
said.trigger = await ow.triggers.create({ name: 'npm-trigger' })
said.rule = await ow.rules.create({ name: 'npm-rule', action: 'npm-hello', trigger: 'npm-trigger' })
said.fired = await ow.triggers.invoke({ name: 'npm-trigger', params: { name: 'Trigger' } })
said.firedRecord = await recorded(said.fired.activationId)
said.disabled = await ow.rules.disable({ name: 'npm-rule' })
said.ruleGot = await ow.rules.get({ name: 'npm-rule' })
said.namespaces = await ow.namespaces.list()
said.missing = await error(ow.actions.get({ name: 'npm-none' }))
const stranger = openwhisk({ apihost, api_key: key.slice(0, -1) + 'x', ignore_certs: true })
said.stranger = await error(stranger.actions.list())
for (const [kind, name] of [['rules', 'npm-rule'], ['triggers', 'npm-trigger'], ['actions', 'npm-pkg/echo'],
  ['packages', 'npm-pkg'], ['actions', 'npm-zip'], ['actions', 'npm-hello']]) {
  await ow[kind].delete({ name })
}
said.left = await ow.actions.list()
process.stdout.write(JSON.stringify(said))
