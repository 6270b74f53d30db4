function main({ lines = [] }) {
  return { payload: lines.join('\n') };
}
