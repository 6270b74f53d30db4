function main() {
  return { error: 'this stand-in has no producer for Message Hub' };
}
