function main(args) {
  return { error: 'this stand-in has no consumer of Kafka: nothing would fire ' + (args.triggerName || 'the trigger') };
}
