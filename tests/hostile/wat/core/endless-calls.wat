;; roles: agent
;; Asks for random numbers for ever.
(import "lancet:plugin/random@0.1.0" "next-u64" (func $next-u64 (result i64)))

(func $misbehave
  (loop $forever
    (drop (call $next-u64))
    (br $forever)))
