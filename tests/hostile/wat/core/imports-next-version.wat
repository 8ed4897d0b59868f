;; Wants a version of the contract that is not served.
(import "lancet:plugin/log@0.2.0" "write" (func $log (param i32 i32)))
(func $misbehave (call $log (i32.const 0) (i32.const 0)))
