//! Parse, check and fix of a few representative texts, to compare two states of the code.

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use dockmend_core::rewrite::{ContextGroup, Engine, FixOptions};
use dockmend_core::syntax::Dockerfile;

/// What most Dockerfiles look like.
const SMALL: &str = "\
FROM node:20
WORKDIR /app
COPY . .
RUN npm install
EXPOSE 3000
CMD npm start
";

/// Several stages, continued lines with comments, caches.
const STAGES: &str = "\
# syntax=docker/dockerfile:1
FROM golang:1.22 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -o /out/server ./cmd/server

FROM debian:12-slim
RUN apt-get update && \\
    # for the health check
    apt-get install -y curl ca-certificates && \\
    rm -rf /var/lib/apt/lists/*
ENV PORT 8080
ENV LOG_LEVEL=info
COPY --from=build /out/server /usr/local/bin/server
HEALTHCHECK CMD curl -f http://localhost:8080/health || exit 1
ENTRYPOINT [\"/usr/local/bin/server\"]
";

/// A long image with much to find.
fn long() -> String {
    let mut text = String::from("from ubuntu:22.04\nMAINTAINER Jo <jo@example.com>\n");
    for index in 0..40 {
        let _ = write!(
            text,
            "ENV NAME{index} value-{index}\nRUN apt-get update && \\\n    apt-get install package-{index} && \\\n    \
             pip install requests=={index}\nADD file-{index} /opt/\n",
        );
    }
    text.push_str("CMD server --port $PORT\n");
    text
}

fn engine(criterion: &mut Criterion) {
    let engine = Engine::default();
    let safe = FixOptions::default();
    let all = FixOptions::default().unsafe_fixes();
    let long = long();
    for (name, text) in [("small", SMALL), ("stages", STAGES), ("long", &long)] {
        let text: Arc<str> = text.into();
        let mut group = criterion.benchmark_group(name);
        group.bench_function("parse", |bencher| bencher.iter(|| Dockerfile::parse(Arc::clone(&text))));
        group.bench_function("check", |bencher| {
            bencher.iter(|| black_box(engine.check(&ContextGroup::of_text(&text))));
        });
        group.bench_function("fix, safe", |bencher| {
            bencher.iter(|| black_box(engine.fix(&ContextGroup::of_text(&text), &safe)));
        });
        group.bench_function("fix, unsafe", |bencher| {
            bencher.iter(|| black_box(engine.fix(&ContextGroup::of_text(&text), &all)));
        });
        group.finish();
    }
}

criterion_group!(benches, engine);
criterion_main!(benches);
