// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build linux

package main

import (
	"bytes"
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// colors are of the peers that are drawn; they can be told apart on white and
// on black.
var colors = map[string]color.RGBA{
	"selectors": {0xe1, 0x57, 0x59, 0xff},
	"go-slice":  {0x4e, 0x79, 0xa7, 0xff},
	"net":       {0x76, 0xb7, 0xb2, 0xff},
	"gnet":      {0x59, 0xa1, 0x4f, 0xff},
	"epoll-c":   {0x8c, 0x8c, 0x8c, 0xff},
	"libev":     {0xf2, 0x8e, 0x2b, 0xff},
	"libevent":  {0xb0, 0x7a, 0xa1, 0xff},
	"libuv":     {0xff, 0x9d, 0xa7, 0xff},
	"mio":       {0x9c, 0x75, 0x5f, 0xff},
	"python":    {0xc9, 0xa6, 0x22, 0xff},
}

// plots draws each table twice, as <work>-<metric>-light.svg and -dark.svg.
func plots(r *results, dir string) error {
	plot.DefaultFont = font.Font{Typeface: "Liberation", Variant: "Sans"}
	plotter.DefaultFont = plot.DefaultFont
	for _, t := range r.tables() {
		for theme, ink := range map[string]color.Gray{"light": {0x24}, "dark": {0xd8}} {
			w, err := chart(r, t, ink).WriterTo(9*vg.Inch, 4*vg.Inch, "svg")
			if err != nil {
				return err
			}
			var b bytes.Buffer
			if _, err := w.WriteTo(&b); err != nil {
				return err
			}
			// Not everybody who looks at it has this font.
			svg := bytes.ReplaceAll(b.Bytes(), []byte("Liberation Sans"), []byte("Liberation Sans,Arial,Helvetica,sans-serif"))
			name := strings.NewReplacer(", ", "-", " ", "-").Replace(t.Work + "-" + t.Metric + "-" + theme + ".svg")
			if err := os.WriteFile(filepath.Join(dir, name), svg, 0o666); err != nil {
				return err
			}
		}
	}
	return nil
}

// chart has a line over the cells for each peer, and where there is only one
// cell a dot for each peer.
func chart(r *results, t *table, ink color.Color) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil // the page's shows through
	p.Title.Text = t.title()
	p.Title.TextStyle.Font.Size, p.Title.Padding = vg.Points(10), vg.Points(8)
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, logTicks{}
	drawn := slices.DeleteFunc(slices.Clone(t.peers), func(peer string) bool { return colors[peer] == color.RGBA{} })
	columns := t.cells
	if len(t.cells) == 1 {
		columns = drawn
		p.Title.Text += ", " + t.cells[0]
	}
	var ticks plot.ConstantTicks
	for i, label := range columns {
		label = strings.NewReplacer(" A=", "\nA=", ", ", ",\n").Replace(label)
		ticks = append(ticks, plot.Tick{Value: float64(i), Label: label})
	}
	p.X.Tick.Marker = ticks
	p.X.Min, p.X.Max = -.3, float64(len(columns))-.5
	for i, peer := range drawn {
		var xys plotter.XYs
		for j, cell := range t.cells {
			s := r.find(t.Work, cell, t.Metric, peer)
			if s == nil {
				continue
			}
			// What is nothing can't be drawn on this scale.
			if m, _ := median(s.Values); m > 0 {
				x := j
				if len(t.cells) == 1 {
					x = i
				}
				xys = append(xys, plotter.XY{X: float64(x), Y: m})
			}
		}
		if len(xys) == 0 {
			continue
		}
		line, points, err := plotter.NewLinePoints(xys)
		check(err)
		line.Color, points.Color = colors[peer], colors[peer]
		line.Width, points.Radius, points.Shape = vg.Points(1.5), vg.Points(3), draw.CircleGlyph{}
		if peer == peers[0].name {
			line.Width, points.Radius = vg.Points(3), vg.Points(4)
		}
		p.Add(line, points)
		if len(t.cells) > 1 {
			p.Legend.Add(peer+"   ", line, points) // room for wider fonts
			continue
		}
		labels, err := plotter.NewLabels(plotter.XYLabels{XYs: xys, Labels: []string{figure(xys[0].Y)}})
		check(err)
		labels.TextStyle[0].Color = ink
		labels.Offset = vg.Point{X: vg.Points(6), Y: -vg.Points(4)}
		p.Add(labels)
	}
	if len(t.cells) > 1 {
		p.X.Max += float64(len(t.cells)) / 6 // where the legend goes
	}
	p.Legend.Top = true
	p.Y.Min, p.Y.Max = p.Y.Min/1.2, p.Y.Max*1.2
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Color, axis.Tick.Color, axis.Tick.Label.Color = ink, ink, ink
	}
	p.Title.TextStyle.Color, p.Legend.TextStyle.Color = ink, ink
	return p
}

// logTicks are at 1, 2 and 5 of each power of ten.
type logTicks struct{}

func (logTicks) Ticks(low, high float64) (ticks []plot.Tick) {
	for power := 1e-3; power <= high; power *= 10 {
		for _, digit := range []float64{1, 2, 5} {
			if v := digit * power; low <= v && v <= high {
				ticks = append(ticks, plot.Tick{Value: v, Label: fmt.Sprintf("%g", v)})
			}
		}
	}
	return ticks
}
