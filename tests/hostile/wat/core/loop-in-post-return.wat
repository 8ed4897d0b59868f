;; Returns, and loops for ever in what is called to clean up.
(global $mean (mut i32) (i32.const 0))
(func $misbehave (global.set $mean (i32.const 1)))
(func (export "cabi_post_{{export}}") (param i32)
  (if (global.get $mean) (then (loop $forever (br $forever)))))
