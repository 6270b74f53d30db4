function main() {
  return { error: 'this stand-in has no client for WebSockets' };
}
