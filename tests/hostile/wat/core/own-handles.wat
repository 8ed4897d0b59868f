;; exports: evil:host/things@1.0.0
;; Makes resources of its own and keeps a handle to each.
(import "[export]evil:host/things@1.0.0" "[resource-new]thing" (func $new (param i32) (result i32)))
(func $misbehave
  (loop $more
    (drop (call $new (i32.const 7)))
    (br $more)))
