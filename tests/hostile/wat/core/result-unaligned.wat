;; Returns an address where no result can be.
(func $misbehave (call $forge (i32.const 1025)))
