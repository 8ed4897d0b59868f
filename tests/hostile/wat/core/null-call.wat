;; Calls a function that is not there.
(table 4 funcref)
(func $misbehave (call_indirect (i32.const 2)))
