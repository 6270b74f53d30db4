function main(args) {
  return { error: 'this stand-in has no webhooks of GitHub: nothing would fire ' + (args.triggerName || 'the trigger') };
}
