;; roles: grader
;; Reads the answer key for ever, each time into the same place.
(import "lancet:plugin/answer-key@0.1.0" "read" (func $read-key (param $out i32)))

(func $misbehave
  (loop $forever
    (global.set $next (i32.const 2097152))
    (call $read-key (i32.const 1024))
    (br $forever)))
