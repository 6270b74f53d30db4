"""The role couchdb: a document store with CouchDB's paths, as far as OpenWhisk's parts use them."""
