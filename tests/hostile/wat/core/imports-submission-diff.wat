;; roles: agent
;; Wants to read the diff of a submission.
(import "lancet:plugin/submission@0.1.0" "diff"
  (func $diff (param $offset i64) (param $length i32) (param $out i32)))

(func $misbehave (call $diff (i64.const 0) (i32.const 100) (i32.const 1024)))
