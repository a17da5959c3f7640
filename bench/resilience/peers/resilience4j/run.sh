#!/bin/bash
# run.sh: what one call costs through resilience4j, one line of JSON a case; 69 when it can't be had here.
set -eu
cd "$(dirname "$0")"
build=$(realpath ../../../..)/build/bench-peers/resilience4j
cannot() { echo "resilience4j: $*" >&2; exit 69; }

for tool in java javac mvn; do
  command -v "$tool" >/dev/null || cannot "needs a JDK of 17 or newer, and maven"
done
maven() { mvn --batch-mode --quiet "$@" >&2; }
maven dependency:copy-dependencies ||
  cannot "maven could not download the packages of pom.xml"
maven compile
version=$(basename "$build"/lib/resilience4j-all-*.jar .jar)
version=${version#resilience4j-all-}
echo "resilience4j $version, JMH, $(java --version | head -1)" >&2
# From the build folder, because JMH leaves its lock file where it runs.
cd "$build"
exec java -cp 'classes:lib/*' bench.Main "$version"
