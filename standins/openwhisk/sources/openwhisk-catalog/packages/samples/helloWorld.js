function main({ payload = 'world' }) {
  console.log(`hello ${payload}!`);
  return {};
}
