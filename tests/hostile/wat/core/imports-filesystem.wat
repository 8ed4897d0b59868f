;; Wants files, and was not granted even the inert ones.
(import "wasi:filesystem/preopens@0.2.0" "get-directories" (func $directories (result i32)))
(func $misbehave (drop (call $directories)))
